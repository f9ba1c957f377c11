import pytest

from lightgrid.protocol.limits import LeaseTerms


@pytest.mark.parametrize(("works", "factor"), [(0, 1), (499, 1), (500, 1), (750, 1.5), (1000, 2)])
def test_terms_are_stretched_from_five_hundred_works_on(works, factor):
    assert LeaseTerms(10.0, 30.0).for_works(works) == LeaseTerms(10.0 * factor, 30.0 * factor)
