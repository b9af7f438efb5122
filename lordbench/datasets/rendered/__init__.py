"""A small renderer of toy cars: `solids` are what is drawn, `raycast` draws them, `cars` builds them."""
