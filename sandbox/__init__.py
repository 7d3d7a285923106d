"""A local stand-in for the Together platform; imports nothing of hintrelay's."""
