"""From a request to rows: plan -> cells -> executor -> rows."""
