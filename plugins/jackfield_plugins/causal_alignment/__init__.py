"""Parts of causal alignment: featurisers, prompts of a causal model's settings, and training from a site on.

No analysis is registered yet: an alignment means nothing without its controls, and these are not here.
"""

from __future__ import annotations
