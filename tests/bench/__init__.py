"""`make bench`: how fast, how large, how late, beside floors measured in the same run; no tests here."""
