"""Tables: reading and writing CSV and Parquet."""
