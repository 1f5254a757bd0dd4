"""What a province's spreadsheet means: columns found by their headers, cells read as values, rows as records."""
