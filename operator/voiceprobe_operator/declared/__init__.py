"""What users declared: the VoiceProbes and VoiceClients of all namespaces, as last seen. Nothing here does I/O."""
