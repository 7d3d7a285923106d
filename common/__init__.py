"""The words both sides share: job spec, record, states, outcomes, settings, keys, store, messages, logging."""
