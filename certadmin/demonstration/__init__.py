"""A lifelike desk: three vendors, 200 gateways and fourteen months, made by the real services at past instants."""
