"""Grafana's dashboards as code; the JSON beside it is printed from here."""
