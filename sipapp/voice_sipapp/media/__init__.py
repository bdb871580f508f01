"""Sound on the wire: codecs, session descriptions, RTP, RTCP, SRTP, DTMF, and the engine that serves them all."""
