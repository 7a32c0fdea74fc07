"""The systems that are read; each module is the only importer of its system's client library."""
