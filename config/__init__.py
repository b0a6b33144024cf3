"""Settings and the files that others need of us: PBX configuration, switch tables, deployment samples."""
