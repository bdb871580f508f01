"""What runs inside the build of an image: makes the root file system of a final image out of the build's own.

Nothing but the standard library, and nothing else of the lab: the Dockerfile copies this folder alone. No path is taken
for granted that only one base image has: Python's own folders are asked of Python, libraries of the dynamic linker.
"""
