"""A made-up country by a seed: people in households, the venues they visit, and an epidemic whose course is known.

kinds.py      how venues of each kind are used   country.py   people, households, communes, venues
schedule.py   how many visits on which day       days.py      the visits of a day
epidemic.py   who infects whom                 infections.py   where and when, and the course it takes
simulation.py day after day
"""

from api.simulation.columns import Visits
from api.simulation.country import Country
from api.simulation.infections import Infections
from api.simulation.schedule import Schedule
from api.simulation.simulation import Simulation, simulate

__all__ = ["Country", "Infections", "Schedule", "Simulation", "Visits", "simulate"]
