"""Fetch the parts of D3 that the circuit's page is drawn with, check them, and join them in one file.

Run it with ``python circuits/vendor_d3.py``, which needs npm. To move to newer versions, change ``PARTS``, run it, and
look at a page. Nobody needs it to build or to use jackfield: what it writes is kept beside the page.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

TARGET = Path(__file__).parent / "jackfield_circuits" / "page"

PARTS = {
    "d3-color@3.1.1": "lfab8x0Bj0UO7SNsY8dZSbNIA6ipbkE3X0NG9nqjCu6CfCHZseuDnOSJY7hidKrjpP++i1M2qT+FlAdPKYRilA==",
    "d3-dispatch@3.0.2": "sAzH4Y4nsLo8eSqw5jKiZt+LU2wZmL/qS+OkxQGjhwazB/D7TY34R/QK1eshfGr7cZEKymKZ/Haem7m+lu98Sg==",
    "d3-ease@3.0.2": "B5znKqRmKROAN4oHWQ50W/qisVjA9GXh2WMsVKdFVp4DxWmcrOsweqgUOUVsv5th96kwaZlokU6SlV4J3gak1w==",
    "d3-timer@3.0.2": "1Il1aliroVSErrv5aulRBxAY+7+DnaoLIWGd1C6SsBTWDeobWiP/V69vwb8vT6abR1kKwaNe1196pmaQ1fK90A==",
    "d3-selection@3.0.1": "ODSf35vqCrlCfp7hrm0eZjvOosSXSYLjqvIlhMBV9q9VOx7EBJG6pc+uXBswEZNJgCGJ+qnKYcWutbZDIxe/Xg==",
    "d3-interpolate@3.0.2": "IRzGU62DtxhvsnSTWMQIdnoZ6gA+BCWwBon1EJI6SjoN595799b6z/QRBzXfFhE8iupUPp3042yBNo0STPqnzQ==",
    "d3-transition@3.0.2": "RcjCsdFgyFoDB+QXLC5m60ZkTN0k9zH+ovoLlTdJnDS1AbfbcuowiM4pCKSTOclNibS4f4J4cbv2m7O7y8NTOQ==",
    "d3-drag@3.0.1": "OWeoayCq8J69hUIjvL+Mb6Q6Oaj/fyHV5XaXByEUAG+JUjIfTGDnk3qGpcXrD3VmQ3BSV96fcbM6fqq7C0tbPA==",
    "d3-zoom@3.0.1": "kfjD3BDQu/FOatpZ6JdMSyIoDwTxIpI29ySTI2J5ZlDaH1WbuJGQJ2Q9oJkWTEZEW98j6idezoomSD3Cn2zwiw==",
}
"""The package that is needed and all that it needs, in the order of need, each with the SHA-512 of its archive."""


def fetch(part: str, folder: Path) -> Path:
    """The archive of one package, as npm's registry has it."""
    npm = ["npm", "pack", "--silent", part, "--pack-destination", str(folder)]
    name = subprocess.run(npm, check=True, capture_output=True, text=True).stdout.split()[-1]  # noqa: S603
    archive = folder / name
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != PARTS[part]:
        raise SystemExit(f"{part} has the SHA-512 {digest}, not {PARTS[part]}")
    return archive


def read(archive: Path, member: str) -> str:
    with tarfile.open(archive) as opened:
        content = opened.extractfile(f"package/{member}")
        if content is None:
            raise SystemExit(f"{archive.name} holds no {member}")
        return content.read().decode("utf-8").strip()


def main() -> None:
    code, licences = [], []
    with tempfile.TemporaryDirectory() as folder:
        for part in PARTS:
            archive = fetch(part, Path(folder))
            code.append(read(archive, f"dist/{part.partition('@')[0]}.min.js"))
            licences.append(f"{part}\n\n{read(archive, 'LICENSE')}")
    text = "\n\n\n".join(licences)
    (TARGET / "d3.LICENSE.txt").write_text(text + "\n", encoding="utf-8")
    (TARGET / "d3.js").write_text("\n".join([f"/*\n{text}\n*/", *code, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
