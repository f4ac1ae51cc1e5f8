"""The application: one place where everything about a customer and a promise is seen (a Django project).

Its database is the system of record and holds the identities; `saydo.web.feed` keeps a columnar copy without them, and
measures read that copy, never the database.
"""
