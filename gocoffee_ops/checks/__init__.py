"""Pure: tables and thresholds in, findings out."""
