BACKFILL_RUNS_GQL = """\
query BackfillRuns($first: Int = 20, $after: String) {
  backfillRuns(first: $first, after: $after) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    edges {
      node {
        id
        kind
        status
        dryRun
        total
        processed
        changed
        skipped
        quarantined
        rowsPerSecond
        startedAt
        finishedAt
        startedBy
        error
      }
    }
  }
}"""

BACKFILL_PROGRESS_GQL = """\
query BackfillProgress($id: ID!) {
  backfillRun(id: $id) {
    id
    kind
    status
    dryRun
    total
    processed
    changed
    skipped
    quarantined
    rowsPerSecond
    startedAt
    finishedAt
    error
  }
}"""

START_BACKFILL_GQL = """\
mutation StartBackfill($input: StartBackfillInput!) {
  startBackfill(input: $input) {
    run {
      id
      kind
      status
      dryRun
    }
  }
}"""

PAUSE_BACKFILL_GQL = """\
mutation PauseBackfill($id: ID!) {
  pauseBackfill(id: $id) {
    id
    status
  }
}"""

RESUME_BACKFILL_GQL = """\
mutation ResumeBackfill($id: ID!) {
  resumeBackfill(id: $id) {
    id
    status
  }
}"""

CANCEL_BACKFILL_GQL = """\
mutation CancelBackfill($id: ID!) {
  cancelBackfill(id: $id) {
    id
    status
  }
}"""

QUARANTINE_GQL = """\
query Quarantine($first: Int = 50, $after: String) {
  quarantine(first: $first, after: $after) {
    totalCount
    edges {
      node {
        reason
        since
        config {
          id
          key
          integration {
            name
          }
        }
      }
    }
  }
}"""
