"""Campaign as code: a manifest describes a campaign, a plan shows what would change, and an apply does exactly that.

Plain Python without Airflow. Names identify objects; the state only remembers what was applied last.
"""
