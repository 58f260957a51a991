"""Plans a campaign: compares what was applied, what the library has and what the manifest says."""
