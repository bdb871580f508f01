"""Far ends as they really are: each module is one kind of what they do, and what the record must then say."""
