"""The search of an analysis folder: its run, backgrounds, checks, opened regions, output and skims."""
