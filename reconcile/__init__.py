"""The pure core: canonical values, field maps, three-way plans, strategies and retry arithmetic.

Plain Python. No clock, no randomness, no settings, no database: whatever varies is handed in.
"""
