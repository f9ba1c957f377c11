"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# Other programs make a machine slow: how long an example takes says nothing of our code.
settings.register_profile(
    "lightgrid", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("lightgrid")
