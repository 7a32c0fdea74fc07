"""Pure: tables in, tables out."""
