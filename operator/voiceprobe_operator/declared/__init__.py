"""What is declared, as last seen: VoiceProbes and VoiceClients of all namespaces, and NumberAllotments.

Nothing here does I/O.
"""
