"""The report's figures: functions from result tables to matplotlib figures, in one style (see :mod:`.style`)."""
