"""Payers: how a Metronome customer becomes a gateway customer and a payment method."""
