"""Plans: queries compiled once per document, and run without graphql-core's executor."""
