"""What a transfer needs of the machine, looked at piece by piece; imports nothing that may be what is broken."""
