"""The compiled loop: many steps in one call, fed without a stop, compiled once for each shape."""
