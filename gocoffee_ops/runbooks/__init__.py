"""Running notebooks: parameters, engine, report, catalogue."""
