"""Tests of the imports: they load little, because DAG files are parsed often, and no module imports upward."""
