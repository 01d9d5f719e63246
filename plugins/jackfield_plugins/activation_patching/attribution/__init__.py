"""Attribution patching: what exact patching would find, estimated from gradients, and how well the two agree."""
