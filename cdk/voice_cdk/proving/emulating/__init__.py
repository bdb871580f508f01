"""Every resource of EC2 in the templates made one by one by its API, which an emulator (moto) takes the place of.

It proves that what a resource refers to is there when it is made, and is of the right kind. It does not prove where a
packet would go: that is the judge's.
"""
