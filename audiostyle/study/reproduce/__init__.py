"""The paper, reproduced: its four experiments, its figures, and a report with numbers."""
