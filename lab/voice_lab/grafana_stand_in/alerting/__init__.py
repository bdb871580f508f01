"""Alert rules: what they find, what becomes of it, and who is told.

`expressions` and `templates` judge the rows of a query, `states` remembers what each label set is in, `routing` and
`dispatch` decide which contact point is told when, and `messages` what it is told. They only compute. `delivery`
sends, and `scheduler` does all of it again and again.
"""
