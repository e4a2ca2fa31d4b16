"""The arq worker: thin jobs, the engine of the backfill, and its tasks."""
