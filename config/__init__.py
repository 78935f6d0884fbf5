"""Floor 1: settings, and the catalogues of hardware, storage and SDKs as data."""
