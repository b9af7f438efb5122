"""Search of settings: ranges -> trials -> cells on validation images -> journal -> best settings."""
