"""The sample data set that ships with hintrelay."""
