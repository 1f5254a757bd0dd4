"""Kubernetes: a base and two overlays for kustomize, and what is made of the code for them."""
