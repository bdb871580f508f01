"""A far end of SIP and RTP that no part of the SIP application has a hand in: it does to calls what real ones do, and
logs what it did.
"""
