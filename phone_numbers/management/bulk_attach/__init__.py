"""The parts of `manage.py attach_campaign`: where its rows come from, how they are run, and what is reported."""
