"""The parts of docs/aws.md that follow from templates and configuration: the diagram, its tables. Stdlib only."""
