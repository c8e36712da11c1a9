"""How good the checks of printed numbers are: errors planted in true statements, truths planted in false ones."""
