"""What happens between epochs: judged, kept in a checkpoint, taken back, stopped."""
