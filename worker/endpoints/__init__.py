"""Endpoints that hintrelay starts and stops: what a job asks for, how it is brought up, and how it always ends."""
