"""From a request to result rows: plan, cells, executors."""
