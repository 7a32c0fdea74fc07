-- Does the server count how this database's tables are read and written?
-- Reads: current_setting. Needs: nothing.
SELECT current_setting('track_counts')::boolean AS counting
