"""A listening test in the manner of MUSHRA: sounds that nobody can tell apart by name or level, and what was answered.

References
----------
ITU-R BS.1534-3, Method for the subjective assessment of intermediate quality level of audio systems, 2015.

M. Schoeffler et al., webMUSHRA: a comprehensive framework for web-based listening tests, Journal of Open Research
Software 6(1), 2018.
"""
