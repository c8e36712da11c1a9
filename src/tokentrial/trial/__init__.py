"""An encoder of one's own, beside the shipped run: loaded, checked, trained, compared at equal bits."""
