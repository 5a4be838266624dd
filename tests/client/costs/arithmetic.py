"""Arithmetic that counts itself: a second counter for predictions that are worked out by hand, number by number."""

import math


class Arithmetic:
    """Counts multiply-accumulates and, apart from them, every other operation."""

    def __init__(self):
        self.macs = 0
        self.operations = 0

    def mac(self, total, left, right):
        self.macs += 1
        return total + left * right

    def other(self, value):
        """A value that took one operation to work out."""
        self.operations += 1
        return value

    def dot(self, left, right):
        total = 0.0
        for a, b in zip(left, right, strict=True):
            total = self.mac(total, a, b)
        return total

    def squared_distance(self, left, right):
        total = 0.0
        for a, b in zip(left, right, strict=True):
            difference = self.other(a - b)
            total = self.mac(total, difference, difference)
        return total

    def rbf(self, left, right, gamma):
        scaled = self.other(-gamma * self.squared_distance(left, right))
        return self.other(math.exp(scaled))

    @property
    def flops(self):
        return 2 * self.macs + self.operations
