"""limits of wrap-up"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '45fe0aa4d1cc'
down_revision = 'a51d0c3be204'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('wrap_up_rule',
    sa.Column('queue', sa.String(length=80), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=False),
    sa.Column('more_seconds', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('queue', name=op.f('pk_wrap_up_rule'))
    )
    with op.batch_alter_table('leg', schema=None) as batch_op:
        batch_op.add_column(sa.Column('wrap_up_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_leg_wrap_up_until'), ['wrap_up_until'], unique=False)

    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.add_column(sa.Column('held_back_until', sa.DateTime(timezone=True), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('user', schema=None) as batch_op:
        batch_op.drop_column('held_back_until')

    with op.batch_alter_table('leg', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_leg_wrap_up_until'))
        batch_op.drop_column('wrap_up_until')

    op.drop_table('wrap_up_rule')
